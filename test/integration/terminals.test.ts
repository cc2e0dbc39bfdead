import { terminalSuite } from "../suites/terminals.ts"

terminalSuite("barge")
