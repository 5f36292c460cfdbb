"""The commands of ``crypto-bt``, a file for each subject; ``cli`` puts them together."""
