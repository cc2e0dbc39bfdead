import { homedir } from "node:os"
import { join } from "node:path"
import { bool, list, text } from "./flags/flag.ts"

/** Where the client's own files are: DOCKER_CONFIG, or `.docker` in the home directory. */
export const defaultConfigFolder = (): string => process.env["DOCKER_CONFIG"] || join(homedir(), ".docker")

/** The flags before the command's name. */
export function globalFlags() {
  const folder = defaultConfigFolder()
  const certificates = process.env["DOCKER_CERT_PATH"] || folder
  const file = (name: string) => join(certificates, name)
  return {
    config: text("", "Location of client config files", folder),
    context: text(
      "c",
      'Name of the context to use to connect to the daemon (overrides DOCKER_HOST env var and default context set with "docker context use")',
    ),
    debug: bool("D", "Enable debug mode"),
    host: list("H", "Daemon socket to connect to"),
    "log-level": text("l", 'Set the logging level ("debug", "info", "warn", "error", "fatal")', "info"),
    tls: bool("", "Use TLS; implied by --tlsverify"),
    tlscacert: text("", "Trust certs signed only by this CA", file("ca.pem")),
    tlscert: text("", "Path to TLS certificate file", file("cert.pem")),
    tlskey: text("", "Path to TLS key file", file("key.pem")),
    tlsverify: bool("", "Use TLS and verify the remote"),
    version: bool("v", "Print version information and quit"),
  }
}
