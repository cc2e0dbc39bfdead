import { type Address, addressBytes } from "../../std/ip.ts"

/** Messages of the domain name system (RFC 1035, section 4), as far as a resolver for containers needs them. */

export const headerLength = 12
export const types = { a: 1, ptr: 12, aaaa: 28, opt: 41, any: 255 } as const
const internet = 1
const formatError = 1
const servfail = 2
const notImplemented = 4
const refused = 5
/** Seconds that answers may be remembered. */
const timeToLive = 600
const plainUdpSize = 512
/** What this side can take over UDP (DNS flag day 2020). */
const ownUdpSize = 1232

export interface Question {
  /** Lower case, without the last dot. */
  readonly name: string
  readonly type: number
  /** Where the question ends. */
  readonly end: number
  /** How long an answer over UDP may be. */
  readonly udpSize: number
  /** The client knows extensions (RFC 6891). */
  readonly extended: boolean
}

/** What a message asks, or undefined when it is no question of one name, or is damaged. */
export function questionOf(message: Buffer): Question | undefined {
  if (message.length < headerLength + 5 || message[2]! & 0xf8 || message.readUInt16BE(4) !== 1) return undefined
  const labels: string[] = []
  let at = headerLength
  for (;;) {
    const length = message[at]
    if (length === undefined || length > 63) return undefined
    at++
    if (length === 0) break
    if (at + length > message.length) return undefined
    labels.push(message.toString("latin1", at, at + length).toLowerCase())
    at += length
  }
  if (at + 4 > message.length) return undefined
  const type = message.readUInt16BE(at)
  const end = at + 4
  const size = extensionSize(message, end)
  return {
    name: labels.join("."),
    type,
    end,
    udpSize: Math.max(plainUdpSize, size ?? plainUdpSize),
    extended: size !== undefined,
  }
}

/** The UDP size that an OPT record right behind the question tells. */
function extensionSize(message: Buffer, at: number): number | undefined {
  const onlyAdditional = message.readUInt16BE(6) === 0 && message.readUInt16BE(8) === 0 && message.readUInt16BE(10) > 0
  if (!onlyAdditional || at + 11 > message.length) return undefined
  return message[at] === 0 && message.readUInt16BE(at + 1) === types.opt ? message.readUInt16BE(at + 3) : undefined
}

/** An answer with addresses, or with a name; with none the name is known and has nothing of the kind. */
export function answer(
  message: Buffer,
  question: Question,
  found: readonly Address[] | string,
  overUdp: boolean,
): Buffer {
  const records =
    typeof found === "string"
      ? [record(types.ptr, nameBytes(found))]
      : found.map((address) => record(address.family === 4 ? types.a : types.aaaa, addressBytes(address)))
  const whole = compose(message, question, records)
  if (!overUdp || whole.length <= question.udpSize) return whole
  // The client asks again over TCP.
  const cut = compose(message, question, [])
  cut[2] = cut[2]! | 0x02
  return cut
}

function compose(message: Buffer, question: Question, records: readonly Buffer[]): Buffer {
  const extension = question.extended
    ? [Buffer.of(0, 0, types.opt, ownUdpSize >> 8, ownUdpSize & 255, 0, 0, 0, 0, 0, 0)]
    : []
  const result = Buffer.concat([message.subarray(0, question.end), ...records, ...extension])
  // A response; recursion as asked for, and available.
  result[2] = 0x80 | (message[2]! & 0x01)
  result[3] = 0x80
  result.writeUInt16BE(records.length, 6)
  result.writeUInt16BE(0, 8)
  result.writeUInt16BE(extension.length, 10)
  return result
}

/** A record of the name in the question, which a pointer names (section 4.1.4). */
function record(type: number, data: Buffer): Buffer {
  const head = Buffer.alloc(12)
  head.writeUInt16BE(0xc000 | headerLength, 0)
  head.writeUInt16BE(type, 2)
  head.writeUInt16BE(internet, 4)
  head.writeUInt32BE(timeToLive, 6)
  head.writeUInt16BE(data.length, 10)
  return Buffer.concat([head, data])
}

const nameBytes = (name: string): Buffer =>
  Buffer.concat([
    ...name
      .split(".")
      .filter((label) => label !== "")
      .map((label) =>
        Buffer.concat([Buffer.of(Math.min(label.length, 63)), Buffer.from(label.slice(0, 63), "latin1")]),
      ),
    Buffer.of(0),
  ])

/**
 * What a message that {@link questionOf} cannot read is answered with: a header that tells a format error, or that the operation is
 * not known (RFC 1035, section 4.1.1). @returns undefined where an answer would be wrong: for an answer, and without a whole header
 */
export function refusalOf(message: Buffer): Buffer | undefined {
  if (message.length < headerLength || message[2]! & 0x80) return undefined
  const header = Buffer.alloc(headerLength)
  message.copy(header, 0, 0, 3)
  const operation = message[2]! & 0x78
  header[2] = 0x80 | operation | (message[2]! & 0x01)
  header[3] = 0x80 | (operation === 0 ? formatError : notImplemented)
  return header
}

/** The question as an answer that says the server failed (RFC 1035, section 4.1.1). */
export function failedAnswer(message: Buffer): Buffer {
  const result = Buffer.from(message)
  result[2] = result[2]! | 0x80
  result[3] = 0x80 | servfail
  return result
}

/** Whether a message is not whole: the client is to ask over TCP. */
export const isCut = (message: Buffer): boolean => (message[2]! & 0x02) !== 0

/** Whether a name server says that it cannot or will not answer: another one may. */
export const tellsFailure = (message: Buffer): boolean => {
  const code = message[3]! & 0x0f
  return code === servfail || code === refused
}

/** The address that a reverse name stands for (RFC 1035, section 3.5; RFC 3596), or undefined. */
export function reversedAddress(name: string): string | undefined {
  const four = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.in-addr\.arpa$/.exec(name)
  if (four) return four.slice(1, 5).reverse().join(".")
  const six = /^((?:[0-9a-f]\.){32})ip6\.arpa$/.exec(name)
  if (!six) return undefined
  const digits = six[1]!.replaceAll(".", "").split("").reverse().join("")
  return digits.replace(/(.{4})(?=.)/g, "$1:")
}
