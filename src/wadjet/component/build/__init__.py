"""Building components: of core modules (`new`), with what they were written for (`metadata`)."""
