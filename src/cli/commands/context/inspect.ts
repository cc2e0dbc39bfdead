import { anyArgs, command } from "../../command.ts"
import { objectFormat } from "../../flags/format.ts"
import { inspectEach } from "../../inspect-each.ts"

const inMemory = "<IN MEMORY>"

export const inspect = command({
  use: "inspect [OPTIONS] [CONTEXT] [CONTEXT...]",
  args: anyArgs,
  complete: "contexts",
  flags: { format: objectFormat() },
  run: ({ args, flags, contexts, out }) =>
    inspectEach(args.length > 0 ? args : [contexts.current], flags.format, out, async (name) => {
      const record = contexts.get(name)
      const files = [...contexts.tls(name).keys()]
      const isDefault = name === "default"
      const text = JSON.stringify({
        ...record,
        TLSMaterial: files.length > 0 ? { docker: files } : {},
        Storage: {
          MetadataPath: isDefault ? inMemory : contexts.store.metadataFolder(name),
          TLSPath: isDefault ? inMemory : contexts.store.tlsFolder(name),
        },
      })
      return text.replace(/[<>&]/g, (letter) => `\\u00${letter.charCodeAt(0).toString(16)}`)
    }),
})
