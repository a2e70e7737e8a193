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
fix repair|send dispatch|child kid|friend companion|car automobile|money cash|problem issue
question query|people folks|price cost|product item|seller vendor|customer client|shop store
"""
_CHINESE: Final = """
电影 影片 片子|剧情 情节|喜欢 喜爱|讨厌 厌恶|高兴 开心 愉快|难过 伤心|漂亮 好看|很 非常 十分|有点 有点儿|特别是 尤其是
完全 彻底|经常 常常|有时 偶尔|也许 或许|但是 不过 然而|因为 由于|所以 因此|购买 选购|认为 觉得|知道 晓得|看到 看见
告诉 告知|便宜 实惠|快速 迅速|有趣 有意思|无聊 乏味 枯燥|优秀 出色|糟糕 差劲|质量 品质|价格 价钱|商品 产品
卖家 商家|顾客 客人|快递 物流|房间 屋子|服务员 服务人员|孩子 小孩|朋友 好友
"""
_WHOLE: Final = """
电影院 高高兴兴 开开心心 好好看 得很 非常之 十分钟 十分之 有时候 有时间 之所以 快递员 有趣味
小孩子 女孩子 男孩子 小朋友 男朋友 女朋友 好朋友 老朋友
"""
"""Words that only look as if they held one of those above."""


class Synonyms:
    """Finds the words that may stand for a word.

    Args:
        further: Further groups; a word is in the last group that names it.
    """

    def __init__(self, further: Iterable[Sequence[str]] = ()) -> None:
        groups = [
            group.split() for text in (_ENGLISH, _CHINESE) for line in text.split("\n") for group in line.split("|")
        ]
        whole = [[word] for word in _WHOLE.split()]
        self._group = {word: tuple(group) for group in (*whole, *groups, *further) for word in group}
        self.longest = max(map(len, self._group))

    def of(self, word: str) -> tuple[str, ...] | None:
        """The other words of its group, with its capitals; None when it is in no group."""
        group = self._group.get(word) or self._group.get(word.lower())
        if group is None:
            return None
        others = [other for other in group if other != word.lower()]
        return tuple(other.capitalize() if word[:1].isupper() else other for other in others)
