import { expect, test } from "bun:test"
import { connectFailure } from "./connect-failure.ts"
import { parseHost } from "./host.ts"

const failing = (code: string, message = code) => Object.assign(new Error(message), { code })

test("what is wrong with TLS is said in words that tell what to add", () => {
  const told = (error: Error, tls: boolean) =>
    connectFailure(error, { host: parseHost("tcp://far:1", tls), tls, daemonName: "Barge" }).message
  expect(told(new Error("EOF"), false)).toBe(
    "error during connect: tcp://far:1: EOF (if the daemon speaks TLS, add --tlsverify)",
  )
  expect(
    told(new Error("error:1000045c:SSL routines:OPENSSL_internal:TLSV1_ALERT_CERTIFICATE_REQUIRED"), true),
  ).toEndWith(" (the daemon wants to see a certificate: add --tlscert and --tlskey)")
  expect(told(failing("ERR_SSL_WRONG_VERSION_NUMBER", "x"), true)).toContain("the daemon does not speak TLS there")
  expect(told(failing("DEPTH_ZERO_SELF_SIGNED_CERT", "x"), true)).toContain("--tlscacert")
  expect(told(new Error("EOF"), true)).toBe("error during connect: tcp://far:1: EOF")
})

test("advice is given for sockets of this machine only", () => {
  const advice = (trouble: string, socket: string) => `${trouble} ${socket}`
  const told = (code: string, text: string) =>
    connectFailure(failing(code), { host: parseHost(text, false), tls: false, daemonName: "Barge", advice }).message
  expect(told("ENOENT", "unix:///x")).toBe(
    "Cannot connect to the Barge daemon at unix:///x. Is the barge daemon running?\nabsent /x",
  )
  expect(told("EACCES", "unix:///x")).toEndWith("\ndenied /x")
  expect(told("ECONNREFUSED", "tcp://far:1")).toEndWith("Is the barge daemon running?")
})
