from outofband.cli.azcmagent.main import main

main()
