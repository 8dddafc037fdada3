"""What sources said when they were asked live, on disk, so that a restart costs no question."""
