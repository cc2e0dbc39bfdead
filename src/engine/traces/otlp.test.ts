import { expect, test } from "bun:test"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { Span } from "../../trace/span.ts"
import { OtlpExporter, otlpTarget } from "./otlp.ts"

test("spans reach a collector in OTLP's JSON form, with the headers asked for", async () => {
  let seen: { url?: string; auth?: string; body?: string } = {}
  const collector = createServer((request, response) => {
    let body = ""
    request.on("data", (data) => {
      body += data
    })
    request.on("end", () => {
      seen = { url: request.url, auth: request.headers["x-key"] as string, body }
      response.end("{}")
    })
  })
  await new Promise<void>((resolve) => collector.listen(0, "127.0.0.1", () => resolve()))
  const { port } = collector.address() as AddressInfo
  const target = otlpTarget(undefined, {
    OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}/`,
    OTEL_EXPORTER_OTLP_HEADERS: "x-key=a%20b",
  })!
  {
    await using exporter = new OtlpExporter(target)
    const root = Span.root(exporter.sink, "api", "POST /containers/create")
    root.child("mount", "core").set({ layers: 3, fast: true }).end("no space")
    root.end()
  }
  collector.close()
  expect(seen).toMatchObject({ url: "/v1/traces", auth: "a b" })
  const [api, core] = ["api", "core"].map(
    (layer) =>
      JSON.parse(seen.body!).resourceSpans[0].scopeSpans.find(
        (scope: { scope: { name: string } }) => scope.scope.name === layer,
      ).spans[0],
  )
  expect(core.parentSpanId).toBe(api.spanId)
  expect(core.attributes).toEqual([
    { key: "layers", value: { intValue: "3" } },
    { key: "fast", value: { boolValue: true } },
  ])
  expect(core.status).toEqual({ code: 2, message: "no space" })
  expect(core.startTimeUnixNano).toMatch(/^\d{19}$/)
})

test("without an endpoint nothing is exported; a flag wins over the environment", () => {
  expect(otlpTarget(undefined, {})).toBeUndefined()
  const environment = { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "http://x/own" }
  expect(otlpTarget(undefined, environment)!.url).toBe("http://x/own")
  expect(otlpTarget("http://flag:4318", environment)!.url).toBe("http://flag:4318/v1/traces")
})

test("a collector that is away fails nobody", async () => {
  await using exporter = new OtlpExporter({ url: "http://127.0.0.1:1/v1/traces", headers: {} })
  Span.root(exporter.sink, "api", "x").end()
  await exporter.flush()
})
