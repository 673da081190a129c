"""Names of columns as people write them, by what the column holds: the one place where words are looked up."""

import re
import unicodedata

NOUNS = {  # the word for one item: words for a column of its ids, the most certain first
    "film": """movie film movietitle imdb tmdb tconst pelicula filme фильм 电影 電影 影片 映画 영화""",
    "show": "show tvshow series",
    "book": "book isbn isbn13 isbn10 buch livre libro livro книга 图书 书籍 书",
    "track": "track song cancion musica morceau 歌曲 音乐",
    "artist": "artist artistname 歌手 艺术家",
    "album": "album",
    "anime": "anime mal",
    "manga": "manga",
    "game": "game boardgame steamapp bgg gametitle spiel jeu juego jogo 游戏",
    "app": "app appname",
    "product": "product parentasin productasin asin sku goods produkt produit producto produto artikel 商品 产品 товар",
    "place": "business place restaurant venue poi hotel listing gmap 餐厅 商家",
    "recipe": "recipe rezept recette receta receita 菜谱",
    "meal": "meal",
    "dish": "dish",
    "food": "food",
    "beer": "beerbeer beer",
    "wine": "wine",
    "joke": "joke",
    "article": "article news newsarticle articulo artigo 文章 新闻",
    "video": "video clip 视频",
    "podcast": "podcast",
    "course": "course kurs cours curso 课程",
    "player": "player",
    "item": "item i content object 物品 项目",
}
USER = """user uid username reviewer reviewprofilename profilename customer member profile visitor account person
    rater listener usersha1 reader player student client subscriber viewer guest critic judge participant respondent
    voter buyer shopper worker annotator u benutzer benutzername nutzer kunde kunden utilisateur membre usuario
    cliente utilizador kaufer zuschauer leser spieler teilnehmer utente gebruiker uzytkownik taster tastername email
    emailaddress mail пользователь 用户 用户名 用戶 使用者 会员 ユーザー 利用者 사용자 session"""
RATING = """rating score star overall bookrating userrating userscore reviewscore reviewrating reviewoverall
    ratingscore starrating vote grade ratingvalue myrating yourrating ratingval rate r bewertung wertung sterne punkte
    evaluation etoile calificacion puntuacion valoracion estrella avaliacao classificacao nota note voto valutazione
    beoordeling ocena оценка 评分 評分 打分 分数 星级 評価 평점 myscore value val point
    preference isrecommended recommended liked"""
TIME = """timestamp time date datetime unixreviewtime reviewtime ratingtimestamp ratingdate createdat ratedat ts
    unixtime dateadded daterated dateread datecreated dateupdated reviewdate reviewedat watcheddate orderdate
    purchasedate eventtime eventdate unixtimestamp tstamp playedat watchedat addedat submitted created zeitstempel
    datum zeit horodatage fecha data datahora 时间戳 时间 日期"""
TITLE = """title name booktitle movietitle primarytitle originaltitle trackname tracktitle songname productname
    producttitle englishname gametitle itemname itemtitle artistname beername moviename filmname showname appname
    titel titre titulo nombre nome nom 标题 名称 片名 书名 电影名"""
TAGS = """genres genre tags tag categories category maincategory listedin topics topic class kategorie kategorien
    categorie categoria categorias genero generos 类型 标签 类别 分类"""
COUNT = """playcount plays playcounts listens listencount count counts clicks views purchases quantity qty playtime
    playtimeforever hours hoursplayed weight numplays nplays frequency freq viewcount scrobbles"""
YEARS = """year yearofpublication originalpublicationyear publicationyear releaseyear releasedate startyear airyear
    published yearpublished movieyear jahr erscheinungsjahr annee ano anio 年份 年"""
RECBOLE = re.compile(r":(token|float)(_seq)?$")


def normalized(name: str) -> str:
    """Return a column name as WORDS has it: `User-ID`, `user_id:token` and `userId` are the same.

    What stands in parentheses after other words is left out, as in `Rating (1-5)`; so are accents.
    """
    plain = RECBOLE.sub("", name.strip().casefold())
    plain = re.sub(r"(?<=\w)\s*[(\[].*[)\]]$", "", unicodedata.normalize("NFKD", plain))
    return re.sub(r"[\W_]", "", "".join(letter for letter in plain if not unicodedata.combining(letter)))


ONE_PERSON = {"letterboxduri", "exclusiveshelf", "daterated"}  # of exports of Letterboxd, Goodreads and IMDb
BEHAVIOR = {"purchase", "play"}  # the third column of Steam's five without a header
WORDS = {  # normalized column names of each role, the most certain first
    role: [normalized(word) for word in words.split()]
    for role, words in (
        *(("user", USER), ("item", " ".join(NOUNS.values())), ("rating", RATING), ("time", TIME)),
        *(("title", TITLE), ("tags", TAGS), ("count", COUNT), ("year", YEARS)),
    )
}
ROW_NUMBER = re.compile(r"|index|level_0|row|rownames|row[ _]?(number|index|id)|unnamed: ?\d+|#|nr|no\.?")
ID_WORDS = re.compile(r"^id(?=.{3})|(?<=.)(id|ids|key|hash|uuid|guid|code|nr|number)$")


def is_row_number(name: str) -> bool:
    """Tell whether a column is named as row numbers are."""
    return ROW_NUMBER.fullmatch(name.strip().casefold()) is not None


def is_id(name: str) -> bool:
    """Tell whether a column is named as ids are, such as `mealId`."""
    plain = normalized(name)
    return not is_row_number(name) and (rank(name, "item") is not None or plain.endswith("id"))


def rank(name: str, role: str) -> int | None:
    """Return how certain it is by its name that a column has a role, 0 the most; None if it is not known.

    Users and items are also known with a word for ids: `movie` is `movieId`, which is the more certain, `id_movie` and
    `MovieKey`. Ratings and times are known in the plural. The least certain are longer names, such as `gPlusUserId`
    and `data.user`.
    """
    words, plain = WORDS[role], normalized(name)
    if role in ("user", "item"):
        stem = ID_WORDS.sub("", plain)
        if stem != plain and stem in words:
            return 2 * words.index(stem)
        if plain in words:
            return 2 * words.index(plain) + 1
        if (last := _last_word(name)) in words:
            return 2 * len(words) + words.index(last)
    else:
        stem = plain if plain in words else plain.removesuffix("s")
        if stem in words:
            return words.index(stem)
    outer, _, inner = name.partition(".")  # a value inside another, as JSON has it
    is_of_role = bool(outer and inner) and "." not in inner and (role == "user" or rank(outer, "user") is None)
    own = rank(inner, role) if is_of_role else None
    return None if own is None else 3 * len(words) + own


def _last_word(name: str) -> str:
    """Return the word before the id at the end of a name of several words: `place` of `gPlusPlaceId`."""
    parts = re.split(r"[\W_]+|(?<=[a-z\d])(?=[A-Z])", name.strip())
    return normalized(parts[-2]) if len(parts) > 2 and parts[-1].casefold() == "id" else ""


def noun_of(name: str) -> str:
    """Return the noun for one item, by the name of the column of item ids."""
    plain = normalized(name)
    stems = {plain, ID_WORDS.sub("", plain), _last_word(name)}
    return next((noun for noun, words in NOUNS.items() if stems & set(map(normalized, words.split()))), "item")
