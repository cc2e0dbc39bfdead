import { expect, test } from "bun:test"
import type { HijackedStream } from "../hijacked-stream.ts"
import { webSocketAccept, webSocketStream } from "./websocket.ts"

/** The header fields of a client's frame (RFC 6455, section 5.2). */
interface Fields {
  readonly opcode?: number
  readonly final?: boolean
  /** The three reserved bits. */
  readonly reserved?: number
  readonly masked?: boolean
  /** A length to be told instead of the payload's own, in 64 bits. */
  readonly told?: bigint
}

const key = Buffer.from([0x37, 0xfa, 0x21, 0x3d])

function frame(
  payload: Uint8Array,
  { opcode = 2, final = true, reserved = 0, masked = true, told }: Fields = {},
): Buffer {
  const length = payload.length
  const form = told !== undefined ? 127 : length < 126 ? length : length < 65536 ? 126 : 127
  const head = Buffer.alloc(2 + (form === 127 ? 8 : form === 126 ? 2 : 0))
  head[0] = (final ? 0x80 : 0) | (reserved << 4) | opcode
  head[1] = (masked ? 0x80 : 0) | form
  if (form === 126) head.writeUInt16BE(length, 2)
  if (form === 127) head.writeBigUInt64BE(told ?? BigInt(length), 2)
  if (!masked) return Buffer.concat([head, payload])
  return Buffer.concat([head, key, payload.map((byte, index) => byte ^ key[index & 3]!)])
}

/** What the server's end makes of the bytes that a client sends. */
async function served(...sent: readonly Uint8Array[]) {
  const written: Buffer[] = []
  let aborted = false
  const raw: HijackedStream = {
    input: (async function* () {
      yield* sent
    })(),
    write: async (bytes) => void written.push(Buffer.from(bytes)),
    taken: async () => {},
    closeWrite: async () => {},
    abort: () => {
      aborted = true
    },
    closed: Promise.resolve(),
  }
  const stream = webSocketStream(raw)
  const received: Buffer[] = []
  for await (const bytes of stream.input) received.push(Buffer.from(bytes))
  return { received, written, aborted, stream }
}

const hello = Buffer.from("hello")

test("a handshake is answered as in the example of RFC 6455, section 1.3", () => {
  expect(webSocketAccept("dGhlIHNhbXBsZSBub25jZQ==")).toBe("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
})

test("a frame without a mask ends the connection", async () => {
  expect(await served(frame(hello, { masked: false }))).toMatchObject({ received: [], aborted: true })
})

for (const reserved of [1, 2, 4])
  test(`a frame with reserved bit ${reserved} ends the connection, after what came before it`, async () => {
    const { received, aborted } = await served(frame(hello), frame(hello, { reserved }), frame(hello))
    expect({ received, aborted }).toEqual({ received: [hello], aborted: true })
  })

test("a control frame that is in pieces, or longer than 125 bytes, ends the connection", async () => {
  expect(await served(frame(hello, { opcode: 9, final: false }))).toMatchObject({ written: [], aborted: true })
  expect(await served(frame(Buffer.alloc(126), { opcode: 9 }))).toMatchObject({ written: [], aborted: true })
  expect(await served(frame(Buffer.alloc(125), { opcode: 9 }))).toMatchObject({ aborted: false })
})

test("a frame of more than 16 MiB ends the connection before its payload comes", async () => {
  const most = 16n * 1024n * 1024n
  expect((await served(frame(hello, { told: most + 1n }))).aborted).toBe(true)
  expect((await served(frame(hello, { told: most }))).aborted).toBe(false)
})

test("messages of every form of length are taken, whole or in pieces, cut at any byte", async () => {
  for (const length of [0, 1, 125, 126, 65535, 65536]) {
    const payload = Buffer.alloc(length, "x")
    const { received, aborted } = await served(frame(payload), frame(hello))
    expect([Buffer.concat(received).equals(Buffer.concat([payload, hello])), aborted]).toEqual([true, false])
  }
  const wire = Buffer.concat([frame(hello, { opcode: 1, final: false }), frame(hello, { opcode: 0 })])
  for (let cut = 0; cut <= wire.length; cut++) {
    const { received } = await served(wire.subarray(0, cut), wire.subarray(cut))
    expect(Buffer.concat(received).toString()).toBe("hellohello")
  }
})

test("a ping is answered with its payload, a pong is not input, and a close frame is the end", async () => {
  const { received, written, aborted } = await served(
    frame(hello, { opcode: 9 }),
    frame(hello, { opcode: 10 }),
    frame(Buffer.from([0x03, 0xe8]), { opcode: 8 }),
    frame(hello),
  )
  expect({ received, aborted }).toEqual({ received: [], aborted: false })
  expect(written).toEqual([Buffer.from([0x8a, 5, ...hello])])
})

test("what is written goes out in binary frames without a mask, in the shortest form of their length", async () => {
  const { stream, written } = await served()
  for (const length of [125, 126, 65535, 65536]) await stream.write(Buffer.alloc(length))
  await stream.closeWrite()
  expect(written.map((bytes) => bytes.subarray(0, bytes.length < 65536 ? 4 : 10).toString("hex"))).toEqual([
    "827d0000",
    "827e007e",
    "827effff000000000000",
    "827f0000000000010000",
    "880203e8",
  ])
})
