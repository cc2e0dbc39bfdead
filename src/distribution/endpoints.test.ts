import { expect, test } from "bun:test"
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { TlsContexts } from "./certificates.ts"
import { checkSettings, endpointsOf, isInsecure, type RegistrySettings } from "./endpoints.ts"
import { parseHostsFile } from "./hosts-toml.ts"

const contexts = new TlsContexts()
const none: RegistrySettings = { insecure: [], mirrors: [], directories: [] }

async function withDirectory(use: (directory: string) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), "certs-"))
  try {
    await use(directory)
  } finally {
    rmSync(directory, { recursive: true })
  }
}

const addresses = async (settings: RegistrySettings, domain: string) =>
  (await endpointsOf(settings, contexts, domain)).map(({ url, mirror }) => `${mirror ? "mirror " : ""}${url.href}`)

test("Docker Hub is asked after its mirrors, another registry by itself, an insecure one also without TLS", async () => {
  const settings = { ...none, mirrors: ["https://mirror.example/hub/"], insecure: ["dev.example:5000"] }
  expect(await addresses(settings, "docker.io")).toEqual([
    "mirror https://mirror.example/hub/v2",
    "https://registry-1.docker.io/v2",
  ])
  expect(await addresses(settings, "ghcr.io")).toEqual(["https://ghcr.io/v2"])
  const local = ["https://dev.example:5000/v2", "http://dev.example:5000/v2"]
  expect(await addresses(settings, "dev.example:5000")).toEqual(local)
  const [tls] = await endpointsOf(settings, contexts, "dev.example:5000")
  expect(tls!.tls!.verify).toBe(false)
})

test("a registry is insecure by name, or by an address in a network that is", async () => {
  for (const domain of ["127.0.0.1:5000", "127.3.4.5", "[::1]:5000", "localhost:5000"]) {
    expect(await isInsecure([], domain)).toBe(true)
  }
  expect(await isInsecure([], "10.1.2.3:5000")).toBe(false)
  expect(await isInsecure(["10.0.0.0/8"], "10.1.2.3:5000")).toBe(true)
  expect(await isInsecure(["fd00::/8"], "[fd12::1]:443")).toBe(true)
  expect(await isInsecure(["10.0.0.0/8", "docker.io"], "docker.io")).toBe(false)
})

test("settings that cannot be used are refused in dockerd's words", () => {
  const refused = (settings: Partial<RegistrySettings>) => () => checkSettings({ ...none, ...settings })
  expect(refused({ mirrors: ["ftp://a"] })).toThrow('invalid mirror: unsupported scheme "ftp" in "ftp://a"')
  expect(refused({ mirrors: ["https://u:p@a"] })).toThrow("username/password not allowed in URI")
  expect(refused({ mirrors: ["https://a/?b"] })).toThrow("query or fragment at end of the URI")
  expect(refused({ insecure: ["-a"] })).toThrow("Cannot begin or end with a hyphen")
  expect(refused({ insecure: ["a b"] })).toThrow("insecure registry a b is not valid")
  refused({ mirrors: ["http://10.0.0.1:5000"], insecure: ["a.example", "10.0.0.0/8", "[::1]:5000"] })()
})

test("hosts.toml gives every registry mirrors, in its order, with what each may be asked", () =>
  withDirectory(async (directory) => {
    mkdirSync(join(directory, "ghcr.io"))
    writeFileSync(
      join(directory, "ghcr.io/hosts.toml"),
      `server = "https://ghcr.io"
[host."http://cache.local:5000"]
  capabilities = ["pull", "resolve"]
  [host."http://cache.local:5000".header]
    x-team = ["one", "two"]
[host."https://second.local/prefix"]
  capabilities = ["pull"]
  override_path = true
  skip_verify = true
`,
    )
    const settings = { ...none, directories: [directory] }
    expect(await addresses(settings, "ghcr.io")).toEqual([
      "mirror http://cache.local:5000/v2",
      "mirror https://second.local/prefix",
      "https://ghcr.io/v2",
    ])
    const [first, second] = await endpointsOf(settings, contexts, "ghcr.io")
    expect(first).toMatchObject({ headers: { "x-team": "one, two" }, namespace: "ghcr.io" })
    expect([...first!.capabilities]).toEqual(["pull", "resolve"])
    expect(second!.tls!.verify).toBe(false)
    expect(await addresses(settings, "quay.io")).toEqual(["https://quay.io/v2"])
    mkdirSync(join(directory, "_default"))
    writeFileSync(join(directory, "_default/hosts.toml"), '[host."https://all.local"]\n')
    expect(await addresses(settings, "quay.io")).toEqual(["mirror https://all.local/v2", "https://quay.io/v2"])
  }))

test("a hosts.toml that cannot be used says what is wrong with it", () => {
  const refused = (text: string) => () => parseHostsFile(text, "/x/hosts.toml")
  expect(refused("[host")).toThrow("invalid /x/hosts.toml: ")
  expect(refused('[host."https://a"]\ncapabilities = ["eat"]')).toThrow("unknown capability eat")
  expect(refused("server = 3")).toThrow("server is not text")
  const { hosts } = parseHostsFile('[host."https://a"]\nca = "ca.pem"\nclient = [["c.pem", "k.pem"]]', "/x/hosts.toml")
  expect(hosts[0]!.certificates).toEqual({
    authorities: ["/x/ca.pem"],
    clients: [{ certificate: "/x/c.pem", key: "/x/k.pem" }],
  })
})

test("a client certificate without its key, or a key without its certificate, is refused", () =>
  withDirectory(async (directory) => {
    mkdirSync(join(directory, "a.example:5000"))
    const settings = { ...none, directories: [directory] }
    writeFileSync(join(directory, "a.example:5000/client.cert"), "")
    await expect(addresses(settings, "a.example:5000")).rejects.toThrow("missing key client.key for client certificate")
    rmSync(join(directory, "a.example:5000/client.cert"))
    writeFileSync(join(directory, "a.example:5000/client.key"), "")
    await expect(addresses(settings, "a.example:5000")).rejects.toThrow(
      "missing client certificate client.cert for key",
    )
  }))
