import { terminalSuite } from "../suites/terminals.ts"

terminalSuite("docker")
