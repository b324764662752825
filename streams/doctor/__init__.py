"""Doctor: looks at every setting and service that a process needs, and says what to do about each fault."""
