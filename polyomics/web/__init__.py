"""The results over HTTP, to be read and never written: an API, and the page that `polyomics explore` opens.

Put together in `application`; what every request may and may not do is in `security`. A new address is one router.
"""
