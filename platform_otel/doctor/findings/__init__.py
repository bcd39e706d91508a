"""Everything that the doctor may say, a module per section of its report. Pure data."""
