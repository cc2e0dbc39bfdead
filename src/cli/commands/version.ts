import type { VersionResponse } from "../../api/system.ts"
import { newestApiVersion } from "../../client/transport.ts"
import { messageOf } from "../../errors/failure.ts"
import { encodeJson } from "../../std/json.ts"
import { TemplateError } from "../../std/template/lex.ts"
import { command, Exit, noArgs } from "../command.ts"
import { objectFormat } from "../flags/format.ts"
import { inspectTemplate } from "../output/inspect.ts"
import { typedJson } from "../output/typed-json.ts"
import { clientVersion, shownServer, versionText } from "../output/version.ts"

/** Docker gives this one template a name, which its errors mention. */
const withName = (message: string) =>
  message.replace("template: :", "template: version:").replace('executing ""', 'executing "version"')

function named<T>(parse: () => T): T {
  try {
    return parse()
  } catch (error) {
    throw error instanceof Exit ? new Exit(error.code, withName(error.message)) : error
  }
}

export const version = command({
  use: "version [OPTIONS]",
  args: noArgs,
  flags: { format: objectFormat() },
  run: async ({ flags, docker, contexts, out }) => {
    const template = flags.format && flags.format !== "json" ? named(() => inspectTemplate(flags.format)) : undefined
    let server: VersionResponse | undefined
    let trouble: unknown
    try {
      server = await docker.system.version()
    } catch (error) {
      trouble = error
    }
    const spoken = await docker.transport.version().catch(() => newestApiVersion)
    const client = clientVersion(contexts.current, { newest: newestApiVersion, spoken })
    const whole = { Client: client, Server: server ? shownServer(server) : null }
    if (flags.format === "json") out.line(encodeJson(whole))
    else if (!template) out.write(versionText(client, server))
    else
      try {
        out.line(template.execute(typedJson(whole, "system.versionInfo")))
      } catch (error) {
        if (!(error instanceof TemplateError)) throw error
        out.line()
        // That the daemon is not there tells more than that its part is missing.
        if (!trouble) throw new Exit(1, withName(error.message))
      }
    if (trouble) throw new Exit(1, messageOf(trouble))
  },
})
