"""The arguments of a run, which every data loader finds in one place."""


class ConfigArguments:
    _instance = None

    @classmethod
    def install(cls, args):
        cls._instance = args

    @classmethod
    def get_instance(cls):
        return cls._instance
