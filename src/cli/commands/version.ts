import type { VersionResponse } from "../../api/system.ts"
import { newestApiVersion } from "../../client/transport.ts"
import { messageOf } from "../../errors/failure.ts"
import { build } from "../../std/build.ts"
import { command, noArgs } from "../command.ts"
import { text } from "../flags/flag.ts"

const usage = `Format output using a custom template:
'json':             Print in JSON format
'TEMPLATE':         Print output using the given Go template.
Refer to https://docs.docker.com/go/formatting/ for more information about formatting output with templates`

export const version = command({
  use: "version [OPTIONS]",
  args: noArgs,
  flags: { format: text("f", usage) },
  run: async ({ docker, out, err }) => {
    const apiVersion = await docker.transport.version().catch(() => newestApiVersion)
    const client = {
      Version: build.version,
      "API version": apiVersion,
      "Git commit": build.commit,
      Built: build.time,
      "OS/Arch": `linux/${process.arch === "arm64" ? "arm64" : "amd64"}`,
      Context: "default",
    }
    out.line("Client:")
    for (const [label, value] of Object.entries(client)) out.line(` ${`${label}:`.padEnd(18)} ${value}`)
    let server: VersionResponse
    try {
      server = await docker.system.version()
    } catch (error) {
      err.line(messageOf(error))
      return 1
    }
    out.line(`\nServer: ${server.Platform?.Name ?? ""}`.trimEnd())
    for (const component of server.Components ?? []) {
      out.line(` ${component.Name}:`)
      out.line(`  ${"Version:".padEnd(17)} ${component.Version}`)
      for (const [label, value] of Object.entries(component.Details ?? {}))
        out.line(`  ${`${label}:`.padEnd(17)} ${value}`)
    }
  },
})
