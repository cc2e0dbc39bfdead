import { afterEach, beforeEach, describe, expect, test } from "bun:test"
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { ClientConfig } from "../client-config.ts"
import { Credentials, credentialKey, dockerHub, hostnameOf } from "./credentials.ts"

let folder: string
let path: string | undefined
const warnings: string[] = []
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "credentials-"))
  path = process.env["PATH"]
  process.env["PATH"] = `${folder}:${path}`
  // Keeps one login per file, as the protocol of credential helpers has it.
  writeFileSync(
    join(folder, "docker-credential-files"),
    `#!/bin/sh
cd ${folder}
input=$(cat)
case "$1" in
  store) printf %s "$input" > held-$(printf %s "$input" | sed 's/.*"ServerURL":"\\([^"]*\\)".*/\\1/' | tr / _) ;;
  get) file=held-$(printf %s "$input" | tr / _)
    if [ -e "$file" ]; then cat "$file"; else echo "credentials not found in native keychain"; exit 1; fi ;;
  erase) rm -f held-$(printf %s "$input" | tr / _) ;;
esac
`,
    { mode: 0o755 },
  )
})
afterEach(() => {
  process.env["PATH"] = path
  warnings.length = 0
  rmSync(folder, { recursive: true })
})

const configured = (file?: object) => {
  if (file) writeFileSync(join(folder, "config.json"), JSON.stringify(file))
  return new ClientConfig(folder, (message) => warnings.push(message))
}
const stored = () => JSON.parse(readFileSync(join(folder, "config.json"), "utf8"))
const login = { username: "me", password: "se:cret", serveraddress: "reg.example" }

describe("credentials", () => {
  test("are kept in config.json, readable for the user only, beside everything else in it", async () => {
    const credentials = new Credentials(configured())
    expect(await credentials.store("reg.example", login)).toBe("in plain text")
    expect(await credentials.store("reg.example", login)).toBeUndefined()
    expect(statSync(join(folder, "config.json")).mode & 0o777).toBe(0o600)
    expect(await credentials.get("reg.example")).toEqual(login)
    const again = new Credentials(configured({ ...stored(), other: { kept: 1 } }))
    await again.erase("reg.example")
    expect(stored()).toEqual({ auths: {}, other: { kept: 1 } })
    expect(await again.get("reg.example")).toBeUndefined()
  })

  test("are found under older spellings of a registry's address", async () => {
    const auth = Buffer.from("me:pw").toString("base64")
    const credentials = new Credentials(configured({ auths: { "https://reg.example/v1/": { auth } } }))
    expect(await credentials.get("reg.example")).toMatchObject({ username: "me", password: "pw" })
  })

  test("go to the helper of the registry, or to the one for all", async () => {
    const config = configured({ credHelpers: { "reg.example": "files" } })
    const credentials = new Credentials(config)
    expect(await credentials.store("reg.example", login)).toBeUndefined()
    expect(stored().auths).toEqual({ "reg.example": {} })
    expect(await credentials.get("reg.example")).toEqual(login)
    await credentials.erase("reg.example")
    expect(await credentials.get("reg.example")).toBeUndefined()
    const all = new Credentials(configured({ credsStore: "files" }))
    await all.store(dockerHub, { username: "me", password: "", identitytoken: "token" })
    expect(await all.forImage("docker.io")).toEqual({ identitytoken: "token", serveraddress: dockerHub })
  })

  test("name the helper that is missing", async () => {
    const credentials = new Credentials(configured({ credsStore: "absent" }))
    await expect(credentials.get("reg.example")).rejects.toThrow('exec: "docker-credential-absent"')
  })

  test("of images are those of their registry", () => {
    expect(credentialKey("docker.io")).toBe(dockerHub)
    expect(credentialKey("reg.example:5000")).toBe("reg.example:5000")
    expect(hostnameOf("https://reg.example/v2/")).toBe("reg.example")
  })
})

describe("the client's configuration", () => {
  test("that cannot be read is warned about, counts as empty, and is not overwritten", () => {
    writeFileSync(join(folder, "config.json"), "{ broken")
    const config = configured()
    expect(config.file).toEqual({})
    expect(() => config.update({ currentContext: "other" })).toThrow("mend or remove it")
    expect(readFileSync(join(folder, "config.json"), "utf8")).toBe("{ broken")
    expect(warnings).toHaveLength(1)
    expect(warnings[0]).toStartWith(`WARNING: Error parsing config file (${folder}/config.json)`)
  })
})
