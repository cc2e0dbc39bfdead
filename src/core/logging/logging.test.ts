import { describe, expect, test } from "bun:test"
import type { LogLine } from "../../logs/line-splitter.ts"
import { gelfChunks } from "./gelf.ts"
import { journalField, openJournald } from "./journald.ts"
import { EventTime, pack } from "./msgpack.ts"
import { syslogMessage } from "./syslog.ts"

const line = (text: string, stream: "stdout" | "stderr" = "stdout"): LogLine => ({
  stream,
  at: 1_700_000_000_123_456_789n,
  bytes: Buffer.from(text),
  partial: false,
})

describe("syslog messages", () => {
  const message = (format: "" | "rfc3164" | "rfc5424" | "rfc5424micro", stream?: "stdout" | "stderr") =>
    syslogMessage({ facility: 3, format }, "tag", line("hello\n", stream), "host").toString()
  const { pid } = process

  test("priority tells facility and stream", () => {
    expect(message("")).toStartWith("<30>")
    expect(message("", "stderr")).toStartWith("<27>")
  })

  test("each format has its own head, every message its newline", () => {
    expect(message("")).toMatch(
      new RegExp(`^<30>[A-Z][a-z]{2} [ \\d]\\d \\d\\d:\\d\\d:\\d\\d tag\\[${pid}\\]: hello\n$`),
    )
    expect(message("rfc3164")).toMatch(new RegExp(`^<30>\\S+ [ \\d]\\d \\S+ host tag\\[${pid}\\]: hello\n$`))
    expect(message("rfc5424")).toMatch(
      new RegExp(`^<30>1 2023-11-1[45]T\\d\\d:\\d\\d:20(Z|[+-]\\d\\d:\\d\\d) host tag ${pid} tag - hello\n$`),
    )
    expect(message("rfc5424micro")).toContain(":20.123456")
  })
})

describe("GELF chunks", () => {
  test("a small message is one datagram", () => {
    expect(gelfChunks(Buffer.alloc(1420))).toHaveLength(1)
  })

  test("a large one is numbered pieces with one ID that join to it again", () => {
    const message = Buffer.from(Array.from({ length: 5000 }, (_, at) => at & 0xff))
    const chunks = gelfChunks(message)
    expect(chunks.map((chunk) => [chunk.length, chunk[0], chunk[1], chunk[10], chunk[11]])).toEqual([
      [1420, 0x1e, 0x0f, 0, 4],
      [1420, 0x1e, 0x0f, 1, 4],
      [1420, 0x1e, 0x0f, 2, 4],
      [788, 0x1e, 0x0f, 3, 4],
    ])
    expect(new Set(chunks.map((chunk) => chunk.toString("hex", 2, 10))).size).toBe(1)
    expect(Buffer.concat(chunks.map((chunk) => chunk.subarray(12)))).toEqual(message)
  })

  test("what has more than 128 pieces is not sent", () => {
    expect(gelfChunks(Buffer.alloc(1408 * 129))).toEqual([])
  })
})

describe("MessagePack", () => {
  test("texts, numbers, lists and maps take their shortest form", () => {
    expect(pack("abc").toString("hex")).toBe("a3616263")
    expect(pack("x".repeat(40)).subarray(0, 2).toString("hex")).toBe("d928")
    expect(pack("x".repeat(300)).subarray(0, 3).toString("hex")).toBe("da012c")
    expect(pack("x".repeat(70_000)).subarray(0, 5).toString("hex")).toBe("db00011170")
    expect(pack(7).toString("hex")).toBe("07")
    expect(pack(1_700_000_000).toString("hex")).toBe("d3000000006553f100")
    expect(pack(["a", { b: "c" }]).toString("hex")).toBe("92a16181a162a163")
    expect(pack(Array(16).fill("")).subarray(0, 3).toString("hex")).toBe("dc0010")
  })

  test("a time with nanoseconds is Fluentd's extension", () => {
    expect(pack(new EventTime(1_700_000_000_000_000_005n)).toString("hex")).toBe("d7006553f10000000005")
  })
})

describe("journald", () => {
  test("a value with lines of its own is preceded by its length", () => {
    expect(journalField("MESSAGE", Buffer.from("one")).toString()).toBe("MESSAGE=one\n")
    expect(journalField("MESSAGE", Buffer.from("a\nb"))).toEqual(
      Buffer.concat([Buffer.from("MESSAGE\n"), Buffer.of(3, 0, 0, 0, 0, 0, 0, 0), Buffer.from("a\nb\n")]),
    )
  })

  test("a host without a journal is told in Docker's words", async () => {
    const subject = { id: "i", name: "n", imageId: "", imageName: "", created: "", command: "", tag: "t", extra: {} }
    await expect(openJournald(subject, "/no/such/socket")).rejects.toThrow("journald is not enabled on this host")
  })
})
