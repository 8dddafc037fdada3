"""The built-in back-ends, one for each kind of directory; they import what a stranger's would."""
