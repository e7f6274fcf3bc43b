// The real imagetracerjs as a process that stays warm, so that its time is its own and not that of starting node.
//   node imagetracer_server.mjs      (in a folder from which imagetracerjs resolves)
// Reads frames of uint32 width, height, wanted (0: trace data, 1: SVG document) and width x height x 4 bytes; answers each with
// uint32 length and as many bytes of text, which are none for trace data.
import fs from "node:fs";
import { createRequire } from "node:module";
const tracer = createRequire(process.cwd() + "/")("imagetracerjs");

function read(count) {
  const buffer = Buffer.alloc(count);
  for (let done = 0; done < count; ) {
    const got = fs.readSync(0, buffer, done, count - done, null);
    if (got === 0) process.exit(0);
    done += got;
  }
  return buffer;
}

for (;;) {
  const head = read(12);
  const [width, height, wanted] = [0, 4, 8].map((at) => head.readUInt32LE(at));
  const image = { width, height, data: new Uint8ClampedArray(read(width * height * 4)) };
  const text = Buffer.from(wanted ? tracer.imagedataToSVG(image, "default") : (tracer.imagedataToTracedata(image, "default"), ""));
  const length = Buffer.alloc(4);
  length.writeUInt32LE(text.length);
  fs.writeSync(1, length);
  for (let done = 0; done < text.length; ) done += fs.writeSync(1, text, done);
}
