"""The size of a TLS connection in memory, for both ends: imported before the first one is opened.

asyncio gives every TLS connection a buffer of 256 KiB and fills it with zeros, so all of it is resident. A
cluster at rest has dozens of watches open, each with two ends in our processes: 20 MB of zeros. A TLS record
carries 16 KiB at the most (RFC 8446, 5.1), so 32 KiB still takes a full record at a time.
"""

from __future__ import annotations

from asyncio.sslproto import SSLProtocol

SSLProtocol.max_size = 32 * 1024
