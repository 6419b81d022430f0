"""The rivals, one file each, every one a class `Rival` written as its own community would write it well."""
