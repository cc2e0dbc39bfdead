import { command, exactly } from "../../command.ts"
import { unpackContext } from "../../context/archive.ts"
import { checkContextName } from "../../context/store.ts"
import { openFile } from "../image/load.ts"

export const importContext = command({
  use: "import CONTEXT FILE|-",
  args: exactly(2),
  flags: {},
  run: async ({ args, contexts, out, err }) => {
    const [name = "", source = ""] = args
    checkContextName(name)
    contexts.checkNew(name)
    const { record, tls } = await unpackContext(await openFile(source === "-" ? "" : source), name)
    contexts.store.put(record, tls)
    out.line(name)
    err.line(`Successfully imported context ${JSON.stringify(name)}`)
  },
})
