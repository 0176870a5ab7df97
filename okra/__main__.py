from okra.cli import main

main()
