import { describe, expect, test } from "bun:test"
import { decodeJson, encodeJson } from "./json.ts"
import { decodeJsonInTurns, JsonError } from "./json-parts.ts"
import { encodeJsonInTurns } from "./json-pieces.ts"
import { findJsonFault, type JsonFault } from "./json-syntax.ts"

const filler = "x".repeat(70_000)
const many = Array.from({ length: 20_000 }, (_, at) => at)
const labels = Object.fromEntries(many.map((at) => [`label-${at}`, `"value" \\ ${at}`]))

const documents: Readonly<Record<string, unknown>> = {
  "a long list": many,
  "a long object": labels,
  "a long text": filler,
  "long values between short ones": { a: 1, b: many, c: [filler, { d: labels, e: null }, []], f: {}, g: "end" },
  "lists of long lists": [many, many, [[many]], 1],
  "long texts with brackets, quotes and backslashes": [`${filler}"]}\\\\`, `\\${filler}`, '{"', `[${filler}`],
  "characters beyond 16 bits": ["😀".repeat(70_000), `x${"😀".repeat(70_000)}`],
  "numbers beyond 2^53": [filler, 9007199254740993n, -9223372036854775808n],
}

describe("JSON in turns", () => {
  for (const [what, value] of Object.entries(documents)) {
    test(`reads ${what} as it is`, async () => {
      const text = encodeJson(value)
      expect(await decodeJsonInTurns(text)).toEqual(decodeJson(text))
      expect(await decodeJsonInTurns(` ${text}\n`)).toEqual(decodeJson(text))
    })
    test(`writes ${what} as it is, in several pieces`, async () => {
      const long = { short: 1, long: Array.from({ length: 3e6 / encodeJson(value).length }, () => value), one: value }
      const pieces = await encodeJsonInTurns(long)
      expect(pieces.join("")).toBe(encodeJson(long))
      expect(pieces.length).toBeGreaterThan(1)
    })
  }

  test("passes over white space", async () => {
    const text = encodeJson({ a: many, b: labels, c: [] })
    const spaced = text.replaceAll(",", " ,\n ").replaceAll("[", "[ ").replaceAll("}", "\t}").replaceAll(":", " : ")
    expect(await decodeJsonInTurns(` ${spaced}\n`)).toEqual(JSON.parse(text))
  })

  test("leaves out what JSON.stringify leaves out", async () => {
    const value = { a: undefined, b: () => {}, c: [undefined, many], d: {}, e: { f: undefined }, g: filler.repeat(20) }
    expect((await encodeJsonInTurns(value)).join("")).toBe(encodeJson(value))
  })

  test("lets others run meanwhile", async () => {
    const value = Array.from({ length: 8 }, () => labels)
    const text = encodeJson(value)
    for (const work of [() => decodeJsonInTurns(text), () => encodeJsonInTurns(value)]) {
      let others = 0
      const timer = setInterval(() => others++, 0)
      await work()
      clearInterval(timer)
      expect(others).toBeGreaterThan(3)
    }
  })

  test("sets names of objects' own workings as fields", async () => {
    const text = `{"a":"${filler}","__proto__":{"b":"${filler}"},"constructor":1}`
    const value = (await decodeJsonInTurns(text)) as Record<string, unknown>
    expect(Object.keys(value)).toEqual(["a", "__proto__", "constructor"])
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype)
  })

  test("the last of several values of a name counts", async () => {
    const text = `{"a":1,"b":"${filler}","a":[${many}],"c":"${filler}","a":2}`
    expect(await decodeJsonInTurns(text)).toEqual(JSON.parse(text))
  })

  test("is as deep as Go's", async () => {
    const nested = (depth: number) => `${"[".repeat(depth)}"${filler}"${"]".repeat(depth)}`
    expect(await decodeJsonInTurns(nested(9_000))).toBeArray()
    expect(await fault(nested(10_001))).toEqual({ kind: "syntax", message: "exceeded max depth" })
    expect(await fault("[".repeat(1_000_000))).toEqual({ kind: "syntax", message: "exceeded max depth" })
  })
})

const fault = async (text: string) => {
  try {
    await decodeJsonInTurns(text)
  } catch (error) {
    if (error instanceof JsonError) return error.fault
    throw error
  }
  return undefined
}

describe("faults in long documents are told as in short ones", () => {
  const list = many.join(",")
  const object = many
    .slice(0, 8000)
    .map((at) => `"${at}":"${at}"`)
    .join(",")
  const wholes = [`[${list}]`, `{${object}}`, `{"a":[${list}],"b":{${object}},"c":["${filler}",{"d":[${list}]}]}`]
  const broken = (text: string): string[] => {
    const places = [1, 70_000, text.length >> 1, text.length - 2, text.length - 1]
    return places.flatMap((at) => [
      text.slice(0, at),
      ...["", ",", "]", "{", "[", '"', ":", "x", "\\", "\n"].map(
        (change) => text.slice(0, at) + change + text.slice(at + 1),
      ),
      ...[",", "}", '"', "1", "null", " x"].map((added) => text.slice(0, at) + added + text.slice(at)),
    ])
  }
  for (const [at, whole] of wholes.entries()) {
    test(`in document ${at + 1}`, async () => {
      for (const text of [...broken(whole), `${whole} x`, `${whole}]`]) {
        const expected = findJsonFault(text)
        const found = await fault(text)
        expect(found).toEqual(expected as JsonFault)
      }
    })
  }
})
