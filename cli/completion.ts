import tab from "@bomb.sh/tab/commander";
import type { Command } from "commander";

/**
 * Adds `completion <shell>`, which prints the shell's script, and the hidden `complete`, which that script asks.
 * Both need the whole command tree.
 */
export function addCompletion(program: Command): void {
  tab(program, { completionCommandName: "completion" });
  program.commands
    .find((command) => command.name() === "completion")
    ?.description("Print the completion script of a shell")
    .addHelpText(
      "after",
      "\nExamples:\n  source <(agenticore completion bash)\n  agenticore completion zsh > ~/.zfunc/_agenticore\n  agenticore completion fish > ~/.config/fish/completions/agenticore.fish",
    );
}
