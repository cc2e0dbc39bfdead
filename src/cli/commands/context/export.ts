import { writeFileSync } from "node:fs"
import { between, command, Exit } from "../../command.ts"
import { packContext } from "../../context/archive.ts"
import { checkContextName } from "../../context/store.ts"

export const exportContext = command({
  use: "export [OPTIONS] CONTEXT [FILE|-]",
  args: between(1, 2),
  complete: "contexts",
  flags: {},
  run: async ({ args, contexts, out, err }) => {
    const [name = "", target = `${name}.dockercontext`] = args
    if (name !== "default") checkContextName(name)
    if (target === "-" && out.isTerminal)
      throw new Exit(1, "cowardly refusing to export to a terminal, specify a file path")
    const archive = () => packContext({ record: contexts.get(name), tls: contexts.tls(name) })
    if (target === "-") {
      await out.stream(archive())
      return
    }
    const bytes = archive()
    try {
      writeFileSync(target, bytes, { flag: "wx", mode: 0o600 })
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      const why = { EEXIST: "file exists", ENOENT: "no such file or directory", EACCES: "permission denied" }[
        code ?? ""
      ]
      throw why ? new Exit(1, `open ${target}: ${why}`) : error
    }
    err.line(`Written file ${JSON.stringify(target)}`)
  },
})
