// A WHIP publisher on libdatachannel, which OBS uses: Opus announced, H.264 from an Annex B file with access unit
// delimiters, over and over, until standard input ends. Arguments: URL, token, file.
const fs = require("node:fs");
const rtc = require("node-datachannel");

const [url, token, file] = process.argv.slice(2);
const ssrc = 42, payloadType = 96, clock = 90000, fps = 15;

// accessUnits splits an Annex B stream at its delimiters.
function accessUnits(stream) {
  const delimiter = Buffer.from([0, 0, 0, 1, 9]);
  const units = [];
  for (let at = stream.indexOf(delimiter); at >= 0; ) {
    const next = stream.indexOf(delimiter, at + 1);
    units.push(stream.subarray(at, next < 0 ? undefined : next));
    at = next;
  }
  return units;
}

function send(track, config) {
  const units = accessUnits(fs.readFileSync(file));
  let n = 0;
  return setInterval(() => {
    config.timestamp = (n * clock) / fps;
    track.sendMessageBinary(units[n++ % units.length]);
  }, 1000 / fps);
}

async function main() {
  console.log("libdatachannel " + rtc.getLibraryVersion());
  const connection = new rtc.PeerConnection("publisher", { iceServers: [] });
  const audio = new rtc.Audio("0", "SendOnly");
  audio.addOpusCodec(111);
  audio.addSSRC(ssrc + 1, "audio", "stream", "audio");
  connection.addTrack(audio);
  const video = new rtc.Video("1", "SendOnly");
  video.addH264Codec(payloadType);
  video.addSSRC(ssrc, "video", "stream", "video");
  const track = connection.addTrack(video);
  const config = new rtc.RtpPacketizationConfig(ssrc, "video", payloadType, clock);
  const packetizer = new rtc.H264RtpPacketizer("StartSequence", config);
  packetizer.addToChain(new rtc.RtcpSrReporter(config));
  packetizer.addToChain(new rtc.RtcpNackResponder());
  track.setMediaHandler(packetizer);
  let timer;
  track.onOpen(() => { timer = send(track, config); });

  const gathered = new Promise((resolve) => {
    connection.onGatheringStateChange((state) => state === "complete" && resolve());
  });
  connection.setLocalDescription("offer");
  await gathered;
  const headers = { Authorization: "Bearer " + token, "Content-Type": "application/sdp" };
  const answer = await fetch(url, { method: "POST", headers, body: connection.localDescription().sdp });
  const text = await answer.text();
  if (answer.status !== 201) throw new Error(answer.status + " " + text);
  connection.setRemoteDescription(text, "answer");
  console.log("published " + answer.status);

  process.stdin.resume();
  await new Promise((resolve) => process.stdin.on("end", resolve));
  clearInterval(timer); // a track that the server has closed throws
  const session = new URL(answer.headers.get("location"), url);
  console.log("deleted " + (await fetch(session, { method: "DELETE", headers })).status);
  process.exit(0); // closing what the server has closed already crashes node-datachannel 0.33.4 now and then
}

main().catch((error) => { console.error(error); process.exit(1); });
