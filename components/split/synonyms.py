"""Words that may stand for each other, for variants of training rows: a small list, English and Chinese.

Only words that are near to each other in most contexts and have the same tone, so that a label stays true.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

_ENGLISH: Final = """
movie film picture|actor performer|director filmmaker|story tale narrative|plot storyline|scene sequence
good fine decent|great excellent superb|bad poor lousy|terrible awful dreadful|funny amusing humorous
boring dull tedious|beautiful lovely gorgeous|interesting engaging absorbing|clever smart ingenious
sad sorrowful|happy glad|big large|small tiny|quick fast swift|slow sluggish|strange odd peculiar|simple plain
hard difficult|easy effortless|important significant|entire whole complete|real genuine|very extremely
really truly|almost nearly|often frequently|sometimes occasionally|usually normally
maybe perhaps|mostly mainly largely|completely totally entirely|begin start|buy purchase|help assist
think believe|hate detest|watch view|try attempt|answer reply|choose select pick|seem appear|speak talk
fix repair|send dispatch|child kid|friend companion|house home|car automobile|money cash|problem issue
question query|people folks|price cost|product item|seller vendor|customer client|shop store
"""
_CHINESE: Final = """
电影 影片 片子|演员 艺人|故事 情节|剧情 情节|喜欢 喜爱|讨厌 厌恶|高兴 开心 愉快|难过 伤心|美丽 漂亮 好看
很 非常 十分|有点 有些|特别 尤其 格外|完全 彻底|经常 常常|有时 偶尔|可能 也许 或许|但是 可是 不过|因为 由于
所以 因此|结束 完结|购买 买|帮助 协助|认为 觉得|知道 晓得|看到 看见|告诉 告知|使用 运用|选择 挑选|发生 出现
便宜 低廉|昂贵 贵|快速 迅速|缓慢 慢|简单 容易|困难 艰难|重要 关键|有趣 有意思|无聊 乏味 枯燥|优秀 出色|糟糕 差劲
质量 品质|价格 价钱|商品 产品|卖家 商家|顾客 客户|快递 物流|房间 客房|服务员 店员|孩子 小孩|朋友 友人|地方 场所
"""


class Synonyms:
    """Finds the words that may stand for a word.

    Args:
        further: Further groups; a word is in the last group that names it.
    """

    def __init__(self, further: Iterable[Sequence[str]] = ()) -> None:
        groups = [
            group.split() for text in (_ENGLISH, _CHINESE) for line in text.split("\n") for group in line.split("|")
        ]
        self._group = {word: tuple(group) for group in (*groups, *further) for word in group}
        self.longest = max(map(len, self._group))

    def of(self, word: str) -> tuple[str, ...]:
        """The other words of its group, with its capitals; none when it is in no group."""
        group = self._group.get(word) or self._group.get(word.lower(), ())
        others = [other for other in group if other != word.lower()]
        return tuple(other.capitalize() if word[:1].isupper() else other for other in others)
