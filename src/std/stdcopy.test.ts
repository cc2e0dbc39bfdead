import { expect, test } from "bun:test"
import { frame, frameHeader, unframe } from "./stdcopy.ts"

async function collect(chunks: readonly Uint8Array[]) {
  const out = { stdout: "", stderr: "" } as Record<string, string>
  async function* input() {
    yield* chunks
  }
  for await (const { stream, bytes } of unframe(input()))
    out[stream] = (out[stream] ?? "") + Buffer.from(bytes).toString()
  return out
}

test("a framed stream is taken apart wherever it was cut", async () => {
  const whole = Buffer.concat([
    frame("stdout", Buffer.from("hello")),
    frame("stderr", Buffer.from("oops")),
    frame("stdout", Buffer.from("!")),
  ])
  for (let cut = 0; cut <= whole.length; cut++) {
    expect(await collect([whole.subarray(0, cut), whole.subarray(cut)])).toEqual({ stdout: "hello!", stderr: "oops" })
  }
})

test("the header holds the stream and the length, big-endian", () => {
  expect([...frameHeader("stderr", 0x01020304)]).toEqual([2, 0, 0, 0, 1, 2, 3, 4])
})

test("a stream that ends within a frame is an error", async () => {
  await expect(collect([frame("stdout", Buffer.from("hello")).subarray(0, 10)])).rejects.toThrow("ended within a frame")
})

test("an unknown stream type is an error", async () => {
  await expect(collect([Buffer.from([9, 0, 0, 0, 0, 0, 0, 1, 65])])).rejects.toThrow("unrecognized stream type 9")
})
