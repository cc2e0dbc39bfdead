import { homedir } from "node:os"
import { join } from "node:path"
import { parseBool } from "../std/strconv.ts"
import { bool, custom, type Flag, text } from "./flags/flag.ts"

/** Where the client's own files are: DOCKER_CONFIG, or `.docker` in the home directory. */
export const defaultConfigFolder = (): string => process.env["DOCKER_CONFIG"] || join(homedir(), ".docker")

/** Where a TLS file is looked for that no flag names: DOCKER_CERT_PATH, or the client's own folder. */
export const certificateFile = (name: string): string =>
  join(process.env["DOCKER_CERT_PATH"] || defaultConfigFolder(), name)

/** The flags before the command's name. */
export function globalFlags() {
  const pairFile = (usage: string, name: string) =>
    text("", usage, "", { shownDefault: JSON.stringify(certificateFile(name)) })
  const verifies: Flag<boolean | undefined> = {
    ...bool("", "Use TLS and verify the remote", Boolean(process.env["DOCKER_TLS_VERIFY"])),
    // Not given is another thing than false, which still means TLS.
    initial: process.env["DOCKER_TLS_VERIFY"] ? true : undefined,
    parse: parseBool,
  }
  return {
    config: text("", "Location of client config files", defaultConfigFolder()),
    context: text(
      "c",
      'Name of the context to use to connect to the daemon (overrides DOCKER_HOST env var and default context set with "docker context use")',
    ),
    debug: bool("D", "Enable debug mode"),
    host: custom<readonly string[]>("H", "Daemon socket to connect to", "string", [], (text, before) => {
      if (before.length > 0) throw new Error("specify only one -H")
      return [text]
    }),
    "log-level": text("l", 'Set the logging level ("debug", "info", "warn", "error", "fatal")', "info"),
    tls: bool("", "Use TLS; implied by --tlsverify", Boolean(process.env["DOCKER_TLS"])),
    tlscacert: text("", "Trust certs signed only by this CA", certificateFile("ca.pem")),
    tlscert: pairFile("Path to TLS certificate file", "cert.pem"),
    tlskey: pairFile("Path to TLS key file", "key.pem"),
    tlsverify: verifies,
    version: bool("v", "Print version information and quit"),
  }
}
