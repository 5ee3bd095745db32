"""Find personal data in the API's responses, and hash or remove it."""
