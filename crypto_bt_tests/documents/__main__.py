"""``make docs``: write the generated parts of the pages anew."""

import sys

from crypto_bt_tests.documents.generated import PARTS
from crypto_bt_tests.documents.pages import named, write_part

for (page, name), text in PARTS.items():
    state = "written" if write_part(page, name, text()) else "is current"
    sys.stdout.write(f"{named(page)}: {name} {state}\n")
