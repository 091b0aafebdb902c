"""Where the content of files lies: pictures, clips, whatever terminals send."""
