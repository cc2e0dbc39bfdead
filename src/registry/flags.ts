import { parseArgs } from "node:util"
import { Failure, messageOf } from "../errors/failure.ts"

interface Flag {
  /** What it takes; without it the flag is set or not. */
  readonly value?: string
  readonly several?: boolean
  readonly help: string
}

const flags: Readonly<Record<string, Flag>> = {
  addr: { value: "HOST:PORT", help: "Address to listen on (127.0.0.1:5000)" },
  root: { value: "DIR", help: "Directory of the repositories (/var/lib/barge-registry)" },
  config: { value: "FILE", help: "Configuration in JSON; flags win over it. Read again on SIGHUP" },
  "external-url": { value: "URL", help: "Address as clients see it, behind a proxy (what requests tell)" },
  "tls-cert": { value: "FILE", help: "Certificate, PEM" },
  "tls-key": { value: "FILE", help: "Private key, PEM" },
  "tls-client-ca": { value: "FILE", help: "Only clients with a certificate of this authority" },
  htpasswd: { value: "FILE", help: "Users with bcrypt hashes, as htpasswd -B writes them" },
  token: { help: "Give the users of --htpasswd tokens in place of asking for the password each time" },
  "anonymous-pull": { help: "Everybody may pull; with --htpasswd users get tokens, as with --token" },
  proxy: {
    value: "[PREFIX=]URL",
    several: true,
    help: "Keep what is pulled from another registry, under a prefix of names or all",
  },
  "cache-size": {
    value: "SIZE",
    help: "Bytes that are kept of other registries; what was not asked for the longest goes",
  },
  immutable: { value: "PATTERN", several: true, help: "Tags that cannot be moved or deleted, for example v*" },
  quota: { value: "SIZE", several: true, help: "Bytes that each repository may have" },
  "no-delete": { help: "Clients cannot delete" },
  "gc-interval": { value: "DURATION", help: "Collect garbage so often (1h); 0 for never" },
  "gc-grace": { value: "DURATION", help: "Keep what is not referred to for so long (1h)" },
  "gc-untagged": { help: "Collect manifests that no tag, index or subject leads to" },
  webhook: { value: "URL", several: true, help: "Tell this address of pushes, pulls and deletes" },
  "metrics-addr": { value: "HOST:PORT", help: "Address of Prometheus metrics" },
  "access-log": { value: "FORM", help: "text, json or off (text)" },
  "no-web": { help: "No page that lists the repositories" },
  help: { help: "Print usage" },
}

/** The flags that were given. */
export interface FlagValues {
  text(name: string): string | undefined
  texts(name: string): readonly string[]
  /** `undefined` when it was not given. */
  flag(name: string): boolean | undefined
}

/** @throws invalidArgument */
export function parseFlags(args: readonly string[]): FlagValues {
  try {
    const { values } = parseArgs({
      args: [...args],
      strict: true,
      allowPositionals: false,
      options: Object.fromEntries(
        Object.entries(flags).map(([name, { value, several }]) => [
          name,
          { type: value ? ("string" as const) : ("boolean" as const), multiple: several ?? false },
        ]),
      ),
    })
    const given = values as Readonly<Record<string, string | boolean | string[] | undefined>>
    return {
      text: (name) => given[name] as string | undefined,
      texts: (name) => (given[name] as string[] | undefined) ?? [],
      flag: (name) => given[name] as boolean | undefined,
    }
  } catch (error) {
    throw new Failure("invalidArgument", `${messageOf(error)}\nSee 'barge registry serve --help'.`, error)
  }
}

/** What `barge registry serve --help` prints. */
export function serveHelp(): string {
  const lines = Object.entries(flags).map(([name, { value, help }]) => {
    const left = `      --${name}${value ? ` ${value}` : ""}`
    return `${left.padEnd(34)} ${help}\n`
  })
  return `Usage:  barge registry serve [OPTIONS]\n\nServe an OCI registry\n\nOptions:\n${lines.join("")}`
}
