import type { InfoResponse } from "../../../api/system.ts"
import { newestApiVersion } from "../../../client/transport.ts"
import { messageOf } from "../../../errors/failure.ts"
import { encodeJson } from "../../../std/json.ts"
import { TemplateError } from "../../../std/template/lex.ts"
import type { Template } from "../../../std/template/template.ts"
import { Struct } from "../../../std/template/value.ts"
import { command, Exit, type Invocation, noArgs } from "../../command.ts"
import { objectFormat } from "../../flags/format.ts"
import { serverInfo } from "../../output/info.ts"
import { inspectTemplate } from "../../output/inspect.ts"
import { typedJson } from "../../output/typed-json.ts"
import { clientVersion } from "../../output/version.ts"

const flags = { format: objectFormat() }

export const info = command({
  use: "info [OPTIONS]",
  args: noArgs,
  flags,
  run: async (invocation) => {
    const { flags, docker, out, err, contexts, globals } = invocation
    if (flags.format) return formatted(invocation)
    const client = clientVersion(contexts.current, { newest: newestApiVersion })
    out.write(
      `Client:\n Version:    ${client.Version}\n Context:    ${client.Context}\n Debug Mode: ${globals.debug}\n\nServer:\n`,
    )
    try {
      const server = await docker.system.info()
      out.write(serverInfo(server))
      for (const warning of server.Warnings ?? []) err.line(warning)
    } catch (error) {
      throw new Exit(1, messageOf(error))
    }
  },
})

async function formatted({
  flags: { format },
  docker,
  out,
  contexts,
  globals,
}: Invocation<typeof flags>): Promise<void> {
  const template = inspectTemplate(format === "json" ? "{{json .}}" : format)
  const version = clientVersion(contexts.current, { newest: newestApiVersion })
  const ClientInfo = { Debug: globals.debug, ...version, Plugins: [], Warnings: null }
  if (format !== "json" && concernsClient(format, template, ClientInfo))
    return out.line(template.execute(typedJson({ ClientInfo }, "system.dockerInfo")))
  let server: InfoResponse | undefined
  let trouble = ""
  try {
    server = await docker.system.info()
  } catch (error) {
    trouble = messageOf(error)
  }
  const failures = trouble ? [trouble] : []
  const whole = { ...server, ...(trouble ? { ServerErrors: failures } : {}), ClientInfo }
  if (format === "json") out.line(encodeJson(whole))
  else
    try {
      out.line(template.execute(typedJson(whole, "system.dockerInfo")))
    } catch (error) {
      if (!(error instanceof TemplateError)) throw error
      out.line()
      if (server) failures.push(error.message)
    }
  if (failures.length > 0) throw new Exit(1, failures.join("\n"))
}

/** Whether a template needs nothing of the daemon. One that names no field (`{{json .}}`) means everything. */
function concernsClient(format: string, template: Template, ClientInfo: object): boolean {
  if (!/\.[a-zA-Z]/.test(format)) return false
  try {
    // Nothing of the daemon's is there, not even as empty.
    template.execute(new Struct(new Map([["ClientInfo", typedJson(ClientInfo)]])))
    return true
  } catch (error) {
    if (error instanceof TemplateError) return false
    throw error
  }
}
