"""The image gallery: filtered, sorted and paged on the server, painted by one small component."""
