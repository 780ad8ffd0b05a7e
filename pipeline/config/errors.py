"""What a user can put right."""


class UserError(Exception):
    """A mistake in the user's input, told in one line: the file or key, what was found, what is allowed."""
