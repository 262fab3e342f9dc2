"""The places that a volunteer may name: a province, never anything finer, so that nothing else can be kept."""

PROVINCES = {
    "Punjab": ("punjab",),
    "Sindh": ("sindh", "sind"),
    "Khyber Pakhtunkhwa": ("khyber pakhtunkhwa", "kp", "kpk"),
    "Balochistan": ("balochistan", "baluchistan"),
    "Islamabad": ("islamabad", "ict"),
    "Gilgit-Baltistan": ("gilgit-baltistan", "gb"),
    "Azad Jammu and Kashmir": ("azad jammu and kashmir", "azad kashmir", "ajk"),
}


def parse_province(text: str) -> str:
    """The name of a province; empty for empty. Raises `ValueError` that lists those there are."""
    wanted = text.strip().casefold()
    if not wanted:
        return ""
    for name, spellings in PROVINCES.items():
        if wanted in spellings:
            return name
    raise ValueError(f"no such province; one of: {', '.join(PROVINCES)}")
