"""Settings of all tests."""

import hypothesis

# No test judges by the wall clock, neither does hypothesis; a failure prints how to bring it back.
hypothesis.settings.register_profile("crypto_bt", deadline=None, print_blob=True)
hypothesis.settings.load_profile("crypto_bt")
