import ArgumentParser

/// The tool's entry.
@main
struct PRDPCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "prdp",
    abstract: "Fine-tunes text-to-image diffusion models with rewards, under mpirun.",
    discussion: """
      PRDP (Proximal Reward Difference Prediction, CVPR 2024) makes a diffusion model follow a \
      reward. One file, cluster.yaml, says everything about a run.

      EXAMPLES
        mpirun -np 4 prdp train --config cluster.yaml
        prdp train --config cluster.yaml --debug
        prdp train --config cluster.yaml --set method.beta=1e-4 --resume latest
        prdp config check --config cluster.yaml
        prdp --generate-completion-script bash > ~/.local/share/bash-completion/completions/prdp
      """,
    subcommands: [Train.self, Pretrain.self])
}
