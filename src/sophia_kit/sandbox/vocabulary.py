"""Words the company's names and texts are made of. All of them are invented or everyday words."""

from __future__ import annotations

__all__ = ["CITIES", "FIRST_NAMES", "LAST_NAMES", "STREETS", "community", "company", "person", "slug"]

_FIRST = [
    "Amber",
    "Aspen",
    "Birch",
    "Bluff",
    "Bramble",
    "Brook",
    "Canyon",
    "Cedar",
    "Clover",
    "Cobalt",
    "Copper",
    "Coral",
    "Crescent",
    "Dale",
    "Delta",
    "Drift",
    "Elm",
    "Ember",
    "Fern",
    "Flint",
    "Garnet",
    "Glade",
    "Granite",
    "Harbor",
    "Hazel",
    "Heron",
    "Ivory",
    "Juniper",
    "Kestrel",
    "Lantern",
    "Laurel",
    "Linden",
    "Maple",
    "Marble",
    "Meadow",
    "Mesa",
    "Mill",
    "Oak",
    "Orchard",
    "Otter",
    "Pebble",
    "Pine",
    "Prairie",
    "Quarry",
    "Raven",
    "Ridge",
    "Sable",
    "Willow",
]
_SECOND = [
    "Arbor",
    "Bay",
    "Beacon",
    "Bend",
    "Bridge",
    "Castle",
    "Cliff",
    "Cove",
    "Creek",
    "Crest",
    "Crossing",
    "Field",
    "Ford",
    "Forge",
    "Gate",
    "Glen",
    "Grove",
    "Harbor",
    "Haven",
    "Heath",
    "Hill",
    "Hollow",
    "Isle",
    "Key",
    "Knoll",
    "Lake",
    "Landing",
    "Line",
    "Mark",
    "Path",
    "Peak",
    "Point",
    "Pond",
    "Reach",
    "Rock",
    "Row",
    "Shore",
    "Spring",
    "Stone",
    "Vale",
    "View",
]
_KIND = (
    "Property Group",
    "Residential",
    "Communities",
    "Living",
    "Apartments",
    "Management",
    "Homes",
    "Housing Partners",
)
_COMMUNITY = ("Court", "Terrace", "Commons", "Lofts", "Place", "Gardens", "Square", "Park", "Villas", "Heights")

FIRST_NAMES = [
    "Ada",
    "Ben",
    "Carla",
    "Dario",
    "Elena",
    "Farid",
    "Grace",
    "Hugo",
    "Ines",
    "Jonas",
    "Kavya",
    "Leon",
    "Mara",
    "Nadia",
    "Omar",
    "Petra",
    "Quinn",
    "Rosa",
    "Samir",
    "Tess",
    "Uma",
    "Victor",
    "Wendy",
    "Xavier",
    "Yara",
    "Zoe",
    "Anders",
    "Bianca",
    "Cyrus",
    "Dalia",
    "Emil",
    "Freya",
]
LAST_NAMES = [
    "Abara",
    "Bell",
    "Castro",
    "Dietz",
    "Evans",
    "Fiore",
    "Grant",
    "Hale",
    "Ito",
    "Jensen",
    "Kaur",
    "Lund",
    "Moreno",
    "Nagy",
    "Okafor",
    "Park",
    "Quist",
    "Rao",
    "Silva",
    "Tran",
    "Ueda",
    "Vance",
    "Weiss",
    "Xu",
    "Young",
    "Zeller",
    "Alder",
    "Brandt",
    "Conti",
    "Doyle",
    "Engel",
    "Frost",
    "Gould",
    "Huber",
    "Ivers",
    "Joyce",
    "Keller",
]
STREETS = [
    "Alder",
    "Bayview",
    "Chestnut",
    "Dover",
    "Eastgate",
    "Fairmont",
    "Greenway",
    "Hillcrest",
    "Ironwood",
    "Juniper",
    "Kingsley",
    "Lakeside",
]
CITIES = {
    "United States": ("Texas", "Illinois", "Ohio", "Georgia", "Colorado", "Arizona", "Florida", "Washington"),
    "Canada": ("Ontario", "Alberta", "British Columbia", "Quebec"),
}


def company(index: int) -> str:
    """A company's name; different for each index below 1,968."""
    first, turn = index % len(_FIRST), index // len(_FIRST)
    second = (turn + 7 * index) % len(_SECOND)
    return f"{_FIRST[first]} {_SECOND[second]} {_KIND[(index * 5 + turn) % len(_KIND)]}"


def community(index: int) -> str:
    """An apartment community's name."""
    street = STREETS[index % len(STREETS)]
    return f"{_FIRST[(index * 11) % len(_FIRST)]} {_COMMUNITY[(index // 7) % len(_COMMUNITY)]} at {street}"


def person(index: int) -> str:
    """A person's name; different for each index below 1,184."""
    return f"{FIRST_NAMES[index % 32]} {LAST_NAMES[(index // 32 + 5 * index) % 37]}"


def slug(name: str) -> str:
    return name.lower().replace(" ", "-")
