import { expect, test } from "bun:test"
import { proxyFor, proxySettings } from "../std/http/proxy.ts"
import { parseChallenges } from "./challenge.ts"
import { parseRetryAfter, registryError } from "./registry-error.ts"

test("challenges are read with their parameters, several in one header too", () => {
  expect(
    parseChallenges('Bearer realm="https://auth.example/token",service="a, \\"b\\"",scope="repository:x:pull"'),
  ).toEqual([
    {
      scheme: "bearer",
      parameters: { realm: "https://auth.example/token", service: 'a, "b"', scope: "repository:x:pull" },
    },
  ])
  expect(parseChallenges('Basic realm="x", Bearer realm=y')).toEqual([
    { scheme: "basic", parameters: { realm: "x" } },
    { scheme: "bearer", parameters: { realm: "y" } },
  ])
  expect(parseChallenges(undefined)).toEqual([])
  expect(parseChallenges(",,=")).toEqual([])
})

test("a proxy is used as the environment says, never for the host itself", () => {
  const settings = proxySettings(
    {},
    {
      HTTPS_PROXY: "http://user:secret@proxy:3128",
      http_proxy: "plain:8080",
      NO_PROXY: "in.example, .corp,10.0.0.0/8,x.y:444",
    },
  )
  const proxy = (url: string) => proxyFor(settings, new URL(url))?.host
  expect(proxy("https://ghcr.io/v2/")).toBe("proxy:3128")
  expect(proxy("http://ghcr.io/v2/")).toBe("plain:8080")
  for (const direct of [
    "in.example",
    "a.in.example",
    "a.corp",
    "10.2.3.4:5000",
    "localhost:5000",
    "127.0.0.1",
    "[::1]",
    "x.y:444",
  ]) {
    expect(proxy(`https://${direct}/`)).toBeUndefined()
  }
  for (const through of ["corp", "notin.example", "11.0.0.1", "x.y"])
    expect(proxy(`https://${through}/`)).toBe("proxy:3128")
  expect(proxyFor({ ...settings, no: "*" }, new URL("https://ghcr.io"))).toBeUndefined()
})

test("refusals are told in Docker's words", () => {
  const url = new URL("https://r.example/v2/a/manifests/1")
  const told = (status: number, body: string, headers: Record<string, string> = {}) => {
    const { kind, message, code } = registryError({ status, headers: new Map(Object.entries(headers)), url }, body)
    return { kind, message, code }
  }
  const errors = (code: string, message: string) => JSON.stringify({ errors: [{ code, message }] })
  expect(told(404, errors("MANIFEST_UNKNOWN", "manifest unknown"))).toEqual({
    kind: "notFound",
    message: "manifest unknown: manifest unknown",
    code: "MANIFEST_UNKNOWN",
  })
  expect(told(401, "", { "www-authenticate": 'Bearer realm="x",error="insufficient_scope"' })).toEqual({
    kind: "permissionDenied",
    message: "denied: requested access to the resource is denied",
    code: "DENIED",
  })
  expect(told(401, "{}").message).toBe("unauthorized: authentication required")
  expect(told(403, "no way").message).toStartWith("error parsing HTTP 403 response body: ")
  expect(told(502, "<html>").message).toBe("received unexpected HTTP status: 502 Bad Gateway")
  expect(
    told(
      400,
      JSON.stringify({
        errors: [
          { code: "A_B", message: "c" },
          { code: "D", message: "e" },
        ],
      }),
    ).message,
  ).toBe("errors:\na b: c\nd: e\n")
  expect(told(400, "[").kind).toBe("invalidArgument")
})

test("Retry-After is seconds or a date", () => {
  const now = Date.parse("2024-01-01T00:00:00Z")
  expect(parseRetryAfter("7", now)).toBe(7000)
  expect(parseRetryAfter("Mon, 01 Jan 2024 00:00:30 GMT", now)).toBe(30_000)
  expect(parseRetryAfter("soon", now)).toBeUndefined()
  expect(parseRetryAfter(undefined, now)).toBeUndefined()
})
