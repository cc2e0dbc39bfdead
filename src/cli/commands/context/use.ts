import { command, exactly } from "../../command.ts"
import { checkContextName } from "../../context/store.ts"

export const use = command({
  use: "use CONTEXT",
  args: exactly(1),
  complete: "contexts",
  flags: {},
  run: async ({ args, contexts, config, out, err }) => {
    const name = args[0]!
    const isDefault = name === "default"
    if (!isDefault) {
      checkContextName(name)
      contexts.get(name)
    }
    const chosen = isDefault ? "" : name
    if ((config.file.currentContext ?? "") !== chosen) config.update({ currentContext: chosen || undefined })
    out.line(name)
    err.line(`Current context is now ${JSON.stringify(name)}`)
    if (!isDefault && process.env["DOCKER_HOST"])
      err.line(
        `Warning: DOCKER_HOST environment variable overrides the active context. To use ${JSON.stringify(name)}, either set the global --context flag, or unset DOCKER_HOST environment variable.`,
      )
  },
})
