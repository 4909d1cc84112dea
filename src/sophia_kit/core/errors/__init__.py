"""Every error the kit raises, in one tree.

SophiaError
├── ConfigError             what was configured is missing or wrong
│   ├── Unconfigured        a part was asked for that nobody configured
│   └── DefinitionError     a definition file (YAML) is wrong; says file and line
├── InputError              what the caller asked for can't be answered as asked
│   └── UnknownName         no such metric, dimension, job or snapshot; suggests near ones
├── Unauthenticated         who asks isn't known: no token, or one that isn't valid
├── AccessRefused           who asks may not see what is asked for
│   └── ScopeMissing        the caller's token lacks the scope
├── TooManyRequests         who asks has asked too often (retryable)
├── PolicyRefused           a request that the read-only policy doesn't permit; nothing was sent
├── ProviderError           a vendor's answer, or its absence
│   ├── Unreachable         no connection, or it broke (retryable)
│   ├── ProviderTimeout     too slow, or the total deadline passed (retryable)
│   ├── RateLimited         429 or the vendor's equivalent (retryable)
│   ├── ProviderFailing     5xx (retryable)
│   ├── AuthFailed          credentials refused, after one refresh
│   ├── RequestRejected     any other 4xx
│   ├── MalformedAnswer     truncated, not JSON, or not of the promised shape (retryable)
│   │   └── TruncatedAnswer a stream that ended without saying that it was finished
│   ├── ModelAbsent         the provider doesn't know the model
│   ├── PromptTooLong       more than the model takes
│   ├── WrongStructure      a model's answer doesn't satisfy the schema that was asked for (retryable)
│   ├── BrokenStream        a model's answer broke off after its first words (retryable)
│   └── NoAnswer            no deployment that could answer did
├── ModelRefused            no model may be asked, so nothing was sent
│   ├── NoModelFits         every model breaks a hard constraint: what it can, what is permitted, its price
│   ├── BudgetExceeded      it would cost more than is left
│   └── LimitReached        as many requests or tokens as a minute permits (retryable)
├── WarehouseError          the warehouse refused or failed a query
│   ├── QueryRefused        not a single SELECT
│   ├── QueryLimit          over the row or time limit, or cancelled
│   ├── NoSnapshot          nothing has been loaded yet
│   ├── NeverLoaded         a table that the answer stands on was never loaded: unknown, not empty
│   ├── SnapshotGone        the snapshot that was asked for is no longer kept
│   └── SnapshotDamaged     a snapshot that can't be opened
├── StorageError            the disk is full, read-only or failing
├── IngestError             a load that could not be completed
├── Busy                    another run holds the lock (retryable)
├── JobFailed               a job's process ended badly or ran out of time
├── ProofError              evidence that can't be written or read
├── RequestRefused          what a caller sent can't be taken as it is
│   ├── PathUnknown         nothing is served at that path
│   ├── MethodRefused       what is served there doesn't know the method
│   ├── InvalidRequest      parameters or a body that aren't of the documented form
│   ├── RequestTooLarge     a body over the limit
│   ├── ForeignHost         asked by a name that isn't this server's
│   └── ForeignOrigin       asked by the page of another site
├── RequestTimeout          not answered in time (retryable)
├── ShuttingDown            the server takes nothing new (retryable)
├── InternalError           a mistake of the kit's own
└── Interrupted             Ctrl-C or a termination signal
"""

from sophia_kit.core.errors.asking import (
    AccessRefused,
    ConfigError,
    DefinitionError,
    InputError,
    PolicyRefused,
    ScopeMissing,
    TooManyRequests,
    Unauthenticated,
    Unconfigured,
    UnknownName,
)
from sophia_kit.core.errors.base import SophiaError
from sophia_kit.core.errors.model import (
    BrokenStream,
    BudgetExceeded,
    LimitReached,
    ModelAbsent,
    ModelRefused,
    NoAnswer,
    NoModelFits,
    PromptTooLong,
    TruncatedAnswer,
    WrongStructure,
)
from sophia_kit.core.errors.provider import (
    AuthFailed,
    MalformedAnswer,
    ProviderError,
    ProviderFailing,
    ProviderTimeout,
    RateLimited,
    RequestRejected,
    Unreachable,
)
from sophia_kit.core.errors.request import (
    ForeignHost,
    ForeignOrigin,
    InternalError,
    InvalidRequest,
    MethodRefused,
    PathUnknown,
    RequestRefused,
    RequestTimeout,
    RequestTooLarge,
    ShuttingDown,
)
from sophia_kit.core.errors.run import Busy, IngestError, Interrupted, JobFailed, ProofError, StorageError
from sophia_kit.core.errors.warehouse import (
    NeverLoaded,
    NoSnapshot,
    QueryLimit,
    QueryRefused,
    SnapshotDamaged,
    SnapshotGone,
    WarehouseError,
)

__all__ = [
    "AccessRefused",
    "AuthFailed",
    "BrokenStream",
    "BudgetExceeded",
    "Busy",
    "ConfigError",
    "DefinitionError",
    "ForeignHost",
    "ForeignOrigin",
    "IngestError",
    "InputError",
    "InternalError",
    "Interrupted",
    "InvalidRequest",
    "JobFailed",
    "LimitReached",
    "MalformedAnswer",
    "MethodRefused",
    "ModelAbsent",
    "ModelRefused",
    "NeverLoaded",
    "NoAnswer",
    "NoModelFits",
    "NoSnapshot",
    "PathUnknown",
    "PolicyRefused",
    "PromptTooLong",
    "ProofError",
    "ProviderError",
    "ProviderFailing",
    "ProviderTimeout",
    "QueryLimit",
    "QueryRefused",
    "RateLimited",
    "RequestRefused",
    "RequestRejected",
    "RequestTimeout",
    "RequestTooLarge",
    "ScopeMissing",
    "ShuttingDown",
    "SnapshotDamaged",
    "SnapshotGone",
    "SophiaError",
    "StorageError",
    "TooManyRequests",
    "TruncatedAnswer",
    "Unauthenticated",
    "Unconfigured",
    "UnknownName",
    "Unreachable",
    "WarehouseError",
    "WrongStructure",
]
