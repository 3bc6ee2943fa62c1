"""A WHIP publisher on aiortc: a test picture as H.264, until its standard input ends. Arguments: URL, token."""

import asyncio
import sys
import urllib.request
from urllib.parse import urljoin

import aiortc
from aiortc import RTCPeerConnection, RTCSessionDescription
from aiortc.contrib.media import MediaPlayer


def ask(method, url, token, body=None):
    headers = {"Authorization": "Bearer " + token, "Content-Type": "application/sdp"}
    request = urllib.request.Request(url, data=body, method=method, headers=headers)
    with urllib.request.urlopen(request, timeout=10) as response:
        return response.status, response.headers, response.read().decode()


async def main(url, token):
    print("aiortc " + aiortc.__version__, flush=True)
    loop = asyncio.get_running_loop()
    connection = RTCPeerConnection()
    player = MediaPlayer("testsrc=size=640x480:rate=15", format="lavfi")
    # Nothing is preferred: VP8 comes first in the offer.
    connection.addTransceiver(player.video, direction="sendonly")
    await connection.setLocalDescription(await connection.createOffer())
    offer = connection.localDescription.sdp.encode()
    status, headers, answer = await loop.run_in_executor(None, ask, "POST", url, token, offer)
    await connection.setRemoteDescription(RTCSessionDescription(sdp=answer, type="answer"))
    print("published %d" % status, flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    session = urljoin(url, headers["Location"])
    status, _, _ = await loop.run_in_executor(None, ask, "DELETE", session, token)
    print("deleted %d" % status, flush=True)
    await connection.close()


asyncio.run(main(*sys.argv[1:]))
