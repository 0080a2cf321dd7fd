"""Local stand-ins for what Nightshift meets in Azure. Test doubles: none of this ships."""
