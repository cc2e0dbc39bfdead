import { messageOf } from "../../../errors/failure.ts"
import { build } from "../../../std/build.ts"
import { encodeJson } from "../../../std/json.ts"
import { command, Exit, noArgs } from "../../command.ts"
import { objectFormat } from "../../flags/format.ts"
import { serverInfo } from "../../output/info.ts"
import { inspectTemplate } from "../../output/inspect.ts"
import { TemplateError } from "../../output/template/lex.ts"
import { typedJson } from "../../output/typed-json.ts"

export const info = command({
  use: "info [OPTIONS]",
  args: noArgs,
  flags: { format: objectFormat() },
  run: async ({ flags, docker, out, err }) => {
    const client = { Version: build.version, Context: "default", Debug: false }
    if (flags.format) {
      const template = inspectTemplate(flags.format === "json" ? "{{json .}}" : flags.format)
      const whole = { ...(await docker.system.info()), ClientInfo: { ...client, Plugins: [], Warnings: null } }
      if (flags.format === "json") return out.line(encodeJson(whole))
      try {
        return out.line(template.execute(typedJson(whole, "system.dockerInfo")))
      } catch (error) {
        if (!(error instanceof TemplateError)) throw error
        out.line()
        throw new Exit(1, error.message)
      }
    }
    out.write(`Client:\n Version:    ${client.Version}\n Context:    default\n Debug Mode: false\n\nServer:\n`)
    try {
      const server = await docker.system.info()
      out.write(serverInfo(server))
      for (const warning of server.Warnings ?? []) err.line(warning)
    } catch (error) {
      throw new Exit(1, messageOf(error))
    }
  },
})
