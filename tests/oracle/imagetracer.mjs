// Runs the real imagetracerjs on raw images, one job a line, so that tests can compare with it.
//   node imagetracer.mjs JOBS.jsonl OUT.json      (in a folder from which imagetracerjs resolves)
// A job is {path, width, height, options, randoms}: path holds height x width x 3 bytes; randoms, if given, are what
// Math.random returns, one after the other. OUT.json is the list of SVG documents.
import fs from "node:fs";
import { createRequire } from "node:module";
const tracer = createRequire(process.cwd() + "/")("imagetracerjs");
const [jobsPath, outPath] = process.argv.slice(2);
const real = Math.random;
const documents = fs.readFileSync(jobsPath, "utf8").trim().split("\n").map((line) => {
  const job = JSON.parse(line);
  const rgb = fs.readFileSync(job.path);
  const data = new Uint8ClampedArray(job.width * job.height * 4).fill(255);
  for (let p = 0; p < job.width * job.height; p++) data.set(rgb.subarray(3 * p, 3 * p + 3), 4 * p);
  let drawn = 0;
  Math.random = job.randoms ? () => job.randoms[drawn++] : real;
  // A preset's own palette is changed by the program while it runs, so each image gets its own copy of the options.
  const options = structuredClone(typeof job.options === "string" ? tracer.optionpresets[job.options] : job.options);
  return tracer.imagedataToSVG({ width: job.width, height: job.height, data }, options);
});
fs.writeFileSync(outPath, JSON.stringify(documents));
